{{ config(materialized='view') }} -- one scan of orders, or of one user's

with orders as (
    select * from {{ ref('orders') }} where is_sale
)

select
    user_id,
    currency,
    count(*)::int as order_count,
    sum(kept_amount)::numeric(24, 3) as total_amount
from orders
group by user_id, currency
