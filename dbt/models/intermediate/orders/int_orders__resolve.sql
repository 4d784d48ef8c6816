{{ config(unique_key='order_id', incremental_strategy='recompute',
          indexes=[{'columns': ['order_id'], 'unique': true}]) }}

with events as ( -- the first line stands for its event
    select * from {{ ref('int_order_events__unnest') }}
    where line_number = 1 and {{ is_touched('order_id', 'touched_orders') }}
),

cancellations as (
    select distinct on (order_id) order_id, occurred_at as cancelled_at, user_id as cancelled_of, reason
    from events
    where change = 'CANCELLED'
    order by order_id, occurred_at, event_id
),

history as (
    select *, min(occurred_at) filter (where change = 'CREATED') over of_order as created_at
    from events
    window of_order as (partition by order_id)
),

latest as (
    select distinct on (order_id) *, change = 'COMPLETED' as is_confirmed
    from history
    where change in ('CREATED', 'COMPLETED')
    order by order_id, change = 'COMPLETED' desc, occurred_at desc, event_id desc
)

select
    latest.order_id,
    latest.event_id,
    latest.external_id,
    latest.user_id,
    latest.total_amount,
    latest.currency,
    latest.created_at,
    case when latest.is_confirmed then latest.occurred_at end as ordered_at,
    latest.is_simulated,
    cancellations.cancelled_at,
    case when cancellations.cancelled_of = latest.user_id then cancellations.reason end as cancellation_reason
from latest
full join cancellations on latest.order_id = cancellations.order_id -- full: never a nested loop (ADR 25)
where latest.order_id is not null
