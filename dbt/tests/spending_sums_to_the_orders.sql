with orders as (
    select
        user_id,
        currency,
        sum(kept_amount) as amount
    from {{ ref('orders') }}
    where is_sale and {{ is_checked('user_id', 'touched_users') }}
    group by user_id, currency
),

spending as (
    select * from {{ ref('user_spending') }} where {{ is_checked('user_id', 'touched_users') }}
)

select
    user_id,
    currency,
    orders.amount,
    spending.total_amount
from orders
full join spending using (user_id, currency)
where orders.amount is distinct from spending.total_amount
