with actions as not materialized (
    select user_id, occurred_at, lane, number from {{ ref('stg_analytics__user_actions') }}
    union all
    select user_id, occurred_at, lane, number from {{ ref('stg_analytics__product_views') }}
),

new_logins as (
    select * from {{ ref('stg_auth__logins') }} where visitor_id is not null and {{ newly_landed('auth.v1') }}
),

logins as not materialized (
    select * from {{ ref('int_logins__link') }}
),

links as ( -- what a visitor did then is another's now
    select logins.* from new_logins inner join logins on new_logins.event_id = logins.event_id
),

arrived as (
    select * from actions where {{ newly_landed('user-actions.v1') }}
),

past as not materialized (
    select * from actions where {{ landed('user-actions.v1') }}
),

moments as (
    select user_id, occurred_at from arrived
    union all
    select past.user_id, past.occurred_at
    from links
    inner join past
        on
            links.visitor_id = past.user_id
            and links.previous_login_at < past.occurred_at
            and links.logged_in_at >= past.occurred_at
),

days as (
    select distinct user_id, {{ shop_date('occurred_at') }} as occurred_date from moments
)

select user_id, occurred_date from days
union -- whoever then logged in as that visitor has these actions, or had them until now
select logins.user_id, days.occurred_date
from days
inner join logins
    on days.user_id = logins.visitor_id and days.occurred_date <= {{ shop_date('logins.logged_in_at') }}
