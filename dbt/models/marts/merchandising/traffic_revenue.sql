{{ config(materialized='view') }} -- one scan of actions, or of some days'

with completions as ( -- distinct: whoever sends actions may tell of an order more than once
    select distinct session_key, occurred_date, order_id from {{ ref('actions') }} where action_type = 'ORDER_COMPLETE'
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
group by 1, 2, 3, 4, 5
