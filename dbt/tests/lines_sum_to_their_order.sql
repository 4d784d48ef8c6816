{{ config(severity='warn') }} -- the shop's own contradiction: it may charge what stands on no line

with lines as (
    select
        order_id,
        sum(amount) as amount
    from {{ ref('order_items') }}
    where {{ is_checked('order_id', 'touched_orders') }}
    group by order_id
)

select
    lines.order_id,
    lines.amount,
    orders.total_amount
from lines
inner join {{ ref('orders') }} as orders on lines.order_id = orders.order_id
where lines.amount != orders.total_amount
