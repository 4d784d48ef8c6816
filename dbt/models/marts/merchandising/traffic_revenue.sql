{{ config(materialized='view') }} -- one scan of actions, or of some days'

with completions as ( -- the first: whoever sends actions may tell of an order more than once, and in several visits
    select distinct on (order_id) session_key, occurred_date, order_id
    from {{ ref('actions') }}
    where action_type = 'ORDER_COMPLETE'
    order by order_id, occurred_at, event_id
)

select
    coalesce(sessions.utm_source, 'none') as utm_source,
    coalesce(sessions.utm_medium, 'none') as utm_medium,
    coalesce(sessions.utm_campaign, 'none') as utm_campaign,
    completions.occurred_date as session_date,
    orders.currency,
    count(*)::int as order_count,
    sum(orders.kept_amount)::numeric(24, 3) as revenue
from completions
inner join {{ ref('sessions') }} as sessions on completions.session_key = sessions.session_key
inner join {{ ref('orders') }} as orders on completions.order_id = orders.order_id
where {{ is_shopper('sessions') }} and orders.is_sale
group by
    sessions.utm_source, sessions.utm_medium, sessions.utm_campaign, completions.occurred_date, orders.currency
