with order_events as ( -- an order's users are also those whom an earlier version of it named
    select * from {{ ref('int_order_events__unnest') }}
    where
        change = 'COMPLETED' and line_number = 1
        and order_id in (select order_id from {{ ref('touched_orders') }})
),

user_days as (
    select * from {{ ref('touched_user_days') }}
),

accounts as (
    select * from {{ ref('stg_auth__accounts') }} where {{ newly_landed('auth.v1') }}
),

logins as (
    select * from {{ ref('stg_auth__logins') }} where {{ newly_landed('auth.v1') }}
),

profiles as (
    select * from {{ ref('stg_profile__profiles') }} where {{ newly_landed('profile.v1') }}
)

select user_id from order_events
union
select user_id from user_days
union
select user_id from accounts
union
select user_id from logins
union
select user_id from profiles
