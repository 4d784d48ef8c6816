{{ config(unique_key='order_id', incremental_strategy='merge',
          indexes=[{'columns': ['order_id'], 'unique': true}, {'columns': ['loaded_xid']}]) }}

with events as not materialized ( -- the first line stands for its event
    select * from {{ ref('int_order_events__unnest') }} where line_number = 1
),

touched as (
    select distinct order_id from events where {{ is_new('loaded_xid') }}
),

history as (
    select
        events.*,
        min(events.occurred_at) filter (where events.change = 'CANCELLED') over of_order as cancelled_at,
        max(events.loaded_xid) over of_order as newest_xid
    from events
    inner join touched on events.order_id = touched.order_id
    window of_order as (partition by events.order_id)
),

latest as (
    select distinct on (order_id) * from history where change = 'COMPLETED'
    order by order_id, occurred_at desc, event_id desc
)

select
    order_id,
    event_id,
    external_id,
    user_id,
    total_amount,
    currency,
    occurred_at as ordered_at,
    is_simulated,
    cancelled_at,
    newest_xid as loaded_xid
from latest
