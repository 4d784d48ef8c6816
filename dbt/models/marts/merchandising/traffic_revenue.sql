{{ config(materialized='view') }} -- one scan of actions, or of some days' and what else tells of their orders

with completions as not materialized ( -- in a shopper's visit
    select
        actions.order_id, actions.occurred_at, actions.event_id,
        sessions.utm_source, sessions.utm_medium, sessions.utm_campaign, actions.occurred_date as session_date
    from {{ ref('actions') }} as actions
    inner join {{ ref('sessions') }} as sessions on actions.session_key = sessions.session_key
    where actions.action_type = 'ORDER_COMPLETE' and {{ is_shopper('sessions') }}
),

firsts as ( -- whoever sends actions may tell of an order more than once, and in several visits
    select * from completions
    where not exists (
        select 1 from completions as earlier
        where
            completions.order_id = earlier.order_id
            and (earlier.occurred_at, earlier.event_id) < (completions.occurred_at, completions.event_id)
    )
)

select
    coalesce(firsts.utm_source, 'none') as utm_source,
    coalesce(firsts.utm_medium, 'none') as utm_medium,
    coalesce(firsts.utm_campaign, 'none') as utm_campaign,
    firsts.session_date,
    orders.currency,
    count(*)::int as order_count,
    sum(orders.kept_amount)::numeric(24, 3) as revenue
from firsts
inner join {{ ref('orders') }} as orders on firsts.order_id = orders.order_id
where orders.is_sale
group by 1, 2, 3, 4, 5
