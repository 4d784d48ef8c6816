select
    lines.order_id,
    lines.product_id
from {{ ref('order_items') }} as lines
left join {{ ref('products') }} as products on lines.product_id = products.product_id
where products.product_id is null and {{ is_checked('lines.order_id', 'touched_orders') }}
