with order_events as ( -- also the days and products that an earlier version of an order or of a return had
    select * from {{ ref('int_order_events__unnest') }}
    where
        change in ('COMPLETED', 'RETURNED') and product_id is not null
        and order_id in (select order_id from {{ ref('touched_orders') }})
),

actions as ( -- of whole days, for one action more may make all of its user's day a machine's
    select * from {{ ref('actions') }}
    where
        product_id is not null
        and (user_id, occurred_date) in (select user_id, occurred_date from {{ ref('touched_user_days') }})
)

select product_id, {{ shop_date('occurred_at') }} as performance_date from order_events
union
select product_id, occurred_date from actions
