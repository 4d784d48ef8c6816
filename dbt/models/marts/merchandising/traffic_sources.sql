{{ config(materialized='view') }} -- one scan of sessions, or of some days'

select
    coalesce(utm_source, 'none') as utm_source,
    coalesce(utm_medium, 'none') as utm_medium,
    coalesce(utm_campaign, 'none') as utm_campaign,
    session_date,
    count(*)::int as visit_count,
    count(distinct user_id)::int as visitor_count,
    sum(view_count)::bigint as view_count,
    (count(*) filter (where cart_add_count > 0))::int as cart_count,
    sum(order_count)::bigint as order_count
from {{ ref('sessions') }} as sessions
where {{ is_shopper('sessions') }}
group by 1, 2, 3, 4
