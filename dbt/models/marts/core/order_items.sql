{{ config(unique_key='order_id', incremental_strategy='recompute',
          indexes=[{'columns': ['product_id']}, {'columns': ['ordered_date']}]) }}

with orders as (
    select * from {{ ref('int_orders__resolve') }}
    where ordered_at is not null and {{ is_touched('order_id', 'touched_orders') }}
),

events as not materialized (
    select * from {{ ref('int_order_events__unnest') }}
),

changes as ( -- the lines of the order's own event, and those of the last version of each of its returns
    select
        orders.*,
        events.line_number,
        events.product_id,
        events.quantity,
        events.price,
        events.amount,
        events.change = 'RETURNED' as is_return,
        rank() over (
            partition by events.order_id, events.change, events.return_id
            order by events.occurred_at desc, events.event_id desc
        ) as recency
    from orders
    inner join events
        on
            orders.order_id = events.order_id
            and (orders.event_id = events.event_id or events.change = 'RETURNED')
),

allocated as ( -- a product may stand on several lines: what came back fills them from the first on
    select
        *,
        coalesce(sum(quantity) filter (where is_return) over of_product, 0)
        - sum(quantity) filter (where not is_return) over to_this_line
        + quantity as returned_quantity
    from changes
    where recency = 1
    window
        of_product as (partition by order_id, product_id),
        to_this_line as (partition by order_id, product_id order by line_number)
)

select
    order_id,
    line_number,
    user_id,
    product_id,
    quantity,
    currency,
    price,
    amount,
    ordered_at,
    {{ shop_date('ordered_at') }} as ordered_date,
    greatest(least(quantity, returned_quantity), 0)::int as returned_quantity,
    cancelled_at is not null as is_cancelled,
    {{ is_outlier('quantity') }} as is_outlier,
    is_simulated
from allocated
where not is_return and product_id is not null
