{{ config(unique_key='order_id', incremental_strategy='recompute', indexes=[{'columns': ['completed_date']}]) }}

with events as (
    select *, change = 'RETURNED' as is_completed from {{ ref('int_order_events__unnest') }}
    where change in ('RETURN_REQUESTED', 'RETURNED') and {{ is_touched('order_id', 'touched_orders') }}
),

lines as (
    select *, sum(quantity) over (partition by order_id, product_id order by line_number) - quantity as quantity_before
    from {{ ref('order_items') }}
    where order_id in (select order_id from events) and {{ is_touched('order_id', 'touched_orders') }}
),

versions as ( -- the last of what was asked for, and the last of what came back
    select
        *, rank() over (
            partition by order_id, return_id, change order by occurred_at desc, event_id desc
        ) as recency
    from events
),

heads as ( -- whose it is is said by the completion, or by the request until there is one; why, by either
    select distinct on (order_id, return_id)
        order_id, return_id, user_id,
        coalesce(reason, max(reason) over of_user) as reason,
        min(occurred_at) filter (where not is_completed) over of_return as requested_at,
        min(occurred_at) filter (where is_completed) over of_return as completed_at
    from versions
    where recency = 1
    window
        of_return as (partition by order_id, return_id),
        of_user as (partition by order_id, return_id, user_id)
    order by order_id, return_id, is_completed desc, line_number
),

products as (
    select
        order_id, return_id, product_id,
        coalesce(sum(quantity) filter (where not is_completed), 0) as requested_quantity,
        coalesce(sum(quantity) filter (where is_completed), 0) as returned_quantity
    from versions
    where recency = 1 and product_id is not null
    group by order_id, return_id, product_id
),

returns as ( -- one return of a product after the other
    select
        products.*, heads.user_id, heads.reason, heads.requested_at, heads.completed_at,
        sum(products.returned_quantity) over (
            partition by products.order_id, products.product_id order by heads.completed_at, products.return_id
        ) as returned_until
    from products
    inner join heads on products.order_id = heads.order_id and products.return_id = heads.return_id
),

{{ taken_off('lines', 'returns') }}

select
    returns.return_id,
    returns.order_id,
    returns.product_id,
    returns.user_id,
    case when returns.completed_at is null then 'REQUESTED' else 'COMPLETED' end as status,
    returns.reason,
    returns.requested_at,
    returns.completed_at,
    {{ shop_date('returns.completed_at') }} as completed_date,
    returns.requested_quantity::bigint as requested_quantity,
    coalesce(taken_off.quantity, 0)::bigint as quantity,
    taken_off.currency,
    coalesce(taken_off.amount, 0)::numeric(24, 3) as amount,
    coalesce(taken_off.is_sale, false) as is_sale
from returns
full join taken_off -- full: never a nested loop (ADR 25)
    on
        returns.order_id = taken_off.order_id
        and returns.return_id = taken_off.return_id
        and returns.product_id = taken_off.product_id
