with order_events as ( -- an order's users are also those whom an earlier version of it named
    select * from {{ ref('int_order_events__unnest') }}
    where
        change = 'COMPLETED' and line_number = 1
        and order_id in (select order_id from {{ ref('touched_orders') }})
),

user_days as (
    select * from {{ ref('touched_user_days') }}
)

select user_id from order_events
union
select user_id from user_days
