with user_days as (
    select * from {{ ref('touched_user_days') }}
),

order_events as ( -- what was bought after a search, also by an earlier version of the order
    select * from {{ ref('int_order_events__unnest') }}
    where
        change = 'COMPLETED' and line_number = 1
        and order_id in (select order_id from {{ ref('touched_orders') }})
),

products as ( -- variants now, or of another parent
    select * from {{ ref('int_products__family') }} where {{ changed_since_last('changed_in_run') }}
),

actions as (
    select * from {{ ref('actions') }} where product_id in (select product_id from products)
),

lines as (
    select * from {{ ref('order_items') }} where product_id in (select product_id from products)
)

select user_id, occurred_date as searched_date from user_days
union
select user_id, {{ shop_date('occurred_at') }} from order_events
union
select user_id, occurred_date from actions
union
select user_id, ordered_date from lines
