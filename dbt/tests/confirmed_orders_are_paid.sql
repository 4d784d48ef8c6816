{{ config(severity='warn') }} -- the money may land after the order, and a shop may tell of orders and not of payments

with recent as ( -- a bank transfer may come days after the order was begun
    select order_id from {{ ref('checkouts') }} where confirmed_at > now() - interval '2 days'
    union
    select order_id from {{ ref('checkouts') }} where {{ is_checked('order_id', 'touched_orders') }}
),

confirmed as ( -- of the shop that is live: imported orders were never begun, and have no payments
    select * from {{ ref('checkouts') }}
    where
        order_id in (select order_id from recent)
        and confirmed_at < now() - interval '15 minutes' -- younger ones are looked at later, touched again or not
        and not is_simulated
        and total_amount > 0
),

paid as (
    select
        order_id,
        currency,
        sum(amount) as amount
    from {{ ref('payments') }}
    where status = 'COMPLETED' and order_id in (select order_id from confirmed)
    group by order_id, currency
)

select
    confirmed.order_id,
    confirmed.currency,
    confirmed.total_amount,
    paid.amount
from confirmed
left join paid on confirmed.order_id = paid.order_id and confirmed.currency = paid.currency
where paid.amount is distinct from confirmed.total_amount
