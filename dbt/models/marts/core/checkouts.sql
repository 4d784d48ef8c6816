{{ config(unique_key='order_id', incremental_strategy='recompute', indexes=[{'columns': ['confirmed_at']}]) }}

with orders as (
    select * from {{ ref('int_orders__resolve') }}
    where created_at is not null and {{ is_touched('order_id', 'touched_orders') }}
)

select
    order_id,
    user_id,
    case
        when cancelled_at is not null then 'CANCELLED'
        when ordered_at is not null then 'CONFIRMED'
        else 'PENDING'
    end as status,
    total_amount,
    currency,
    created_at,
    {{ shop_date('created_at') }} as created_date,
    ordered_at as confirmed_at,
    cancelled_at,
    cancellation_reason,
    is_simulated
from orders
