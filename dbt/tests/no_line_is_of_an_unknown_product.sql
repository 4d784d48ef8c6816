{{ config(severity='warn') }} -- the catalog may tell of it later

select
    lines.product_id,
    count(*) as line_count
from {{ ref('order_items') }} as lines
inner join {{ ref('products') }} as products on lines.product_id = products.product_id
where not products.is_known and {{ is_checked('lines.order_id', 'touched_orders') }}
group by lines.product_id
