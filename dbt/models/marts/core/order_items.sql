{{ config(unique_key='order_id', incremental_strategy='recompute', incremental_predicates=['line_number is not null'],
          indexes=[{'columns': ['product_id', 'ordered_date']}, {'columns': ['loaded_xid']}]) }}

with events as not materialized (
    select * from {{ ref('int_order_events__unnest') }}
),

orders as (
    select * from {{ ref('int_orders__resolve') }} where {{ is_new('loaded_xid') }}
),

lines as not materialized (
    select events.* from events
    inner join orders on events.order_id = orders.order_id and events.event_id = orders.event_id
    where events.product_id is not null
),

return_lines as (
    select
        events.order_id, events.product_id, events.quantity,
        rank() over (
            partition by events.order_id, events.return_id order by events.occurred_at desc, events.event_id desc
        ) as recency
    from events
    inner join orders on events.order_id = orders.order_id
    where events.change = 'RETURNED'
),

returned as (
    select order_id, product_id, sum(quantity) as quantity from return_lines
    where recency = 1
    group by order_id, product_id
),

allocated as ( -- a product may stand on several lines: what came back fills them from the first on
    select
        lines.order_id, lines.line_number,
        greatest(least(lines.quantity, returned.quantity - sum(lines.quantity) over (
            partition by lines.order_id, lines.product_id order by lines.line_number
        ) + lines.quantity), 0)::int as quantity
    from lines
    inner join returned on lines.order_id = returned.order_id and lines.product_id = returned.product_id
)

select
    orders.order_id,
    lines.line_number,
    orders.user_id,
    lines.product_id,
    lines.quantity,
    lines.price,
    lines.amount,
    orders.ordered_at,
    {{ shop_date('orders.ordered_at') }} as ordered_date,
    coalesce(allocated.quantity, 0) as returned_quantity,
    orders.cancelled_at is not null as is_cancelled,
    {{ is_outlier('lines.quantity') }} as is_outlier,
    orders.is_simulated,
    orders.loaded_xid
from orders
left join lines on orders.order_id = lines.order_id
left join allocated on lines.order_id = allocated.order_id and lines.line_number = allocated.line_number
{% if not is_incremental() %}where lines.order_id is not null{% endif %}
