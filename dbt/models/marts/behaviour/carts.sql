{{ config(materialized='view') }} -- one scan of what was ever in carts, or of one user's

with items as (
    select * from {{ ref('cart_items') }} where status = 'IN_CART'
)

select
    user_id,
    currency,
    count(*)::int as product_count,
    sum(quantity)::bigint as quantity,
    sum(quantity * product_price)::numeric(24, 3) as amount,
    max(changed_at) as changed_at
from items
group by user_id, currency
