{{ config(unique_key=['event_id', 'line_number'], incremental_strategy='merge', indexes=[
    {'columns': ['event_id', 'line_number'], 'unique': true}, {'columns': ['order_id']}]) }}

with orders as materialized ( -- else each line would read all of its order's JSON anew
    select * from {{ ref('stg_order__orders') }} where {{ landed('order.v1') }}
),

cancellations as (
    select * from {{ ref('stg_order__cancellations') }} where {{ landed('order.v1') }}
),

returns as materialized (
    select * from {{ ref('stg_order__returns') }} where {{ landed('order.v1') }}
),

order_lines as ( -- an event without lines keeps one without a product, for it may replace one that had some
    select orders.*, coalesce(item.line_number, 1)::int as line_number, item.line
    from orders
    left join lateral jsonb_array_elements(orders.items) with ordinality as item (line, line_number) on true
),

return_lines as (
    select returns.*, coalesce(item.line_number, 1)::int as line_number, item.line
    from returns
    left join lateral jsonb_array_elements(returns.items) with ordinality as item (line, line_number) on true
)

select
    order_id,
    case when is_confirmed then 'COMPLETED' else 'CREATED' end as change,
    event_id,
    occurred_at,
    line_number,
    (line ->> 'productId')::bigint as product_id,
    (line ->> 'quantity')::int as quantity,
    (line ->> 'price')::numeric(15, 3) as price,
    (line ->> 'amount')::numeric(15, 3) as amount,
    user_id,
    external_id,
    total_amount,
    currency,
    is_simulated,
    null::bigint as return_id,
    null as reason
from order_lines
union all
select
    order_id, 'CANCELLED', event_id, occurred_at, 1, null, null, null::numeric(15, 3),
    null::numeric(15, 3), user_id, null, null::numeric(15, 3), null, null, null, reason
from cancellations
union all
select
    order_id, case when is_completed then 'RETURNED' else 'RETURN_REQUESTED' end, event_id, occurred_at, line_number,
    (line ->> 'productId')::bigint,
    (line ->> 'quantity')::int,
    null::numeric(15, 3), null::numeric(15, 3), user_id, null, null::numeric(15, 3), null, null, return_id, reason
from return_lines
