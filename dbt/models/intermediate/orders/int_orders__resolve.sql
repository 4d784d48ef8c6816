{{ config(unique_key='order_id', incremental_strategy='merge',
          indexes=[{'columns': ['order_id'], 'unique': true}, {'columns': ['loaded_xid']}]) }}

with events as not materialized ( -- the first line stands for its event
    select * from {{ ref('int_order_events__unnest') }} where line_number = 1
),

touched as (
    select distinct order_id from events where {{ is_new('loaded_xid') }}
),

history as (
    select events.* from events inner join touched on events.order_id = touched.order_id
),

latest as (
    select distinct on (order_id) * from history where change = 'COMPLETED'
    order by order_id, occurred_at desc, event_id desc
),

marks as (
    select
        order_id,
        min(occurred_at) filter (where change = 'CANCELLED') as cancelled_at,
        max(loaded_xid) as loaded_xid
    from history
    group by order_id
)

select
    latest.order_id,
    latest.event_id,
    latest.external_id,
    latest.user_id,
    latest.total_amount,
    latest.currency,
    latest.occurred_at as ordered_at,
    latest.is_simulated,
    marks.cancelled_at,
    marks.loaded_xid
from latest
inner join marks on latest.order_id = marks.order_id
