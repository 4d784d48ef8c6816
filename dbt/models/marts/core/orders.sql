{{ config(unique_key='order_id', incremental_strategy='merge',
          indexes=[{'columns': ['user_id']}, {'columns': ['loaded_xid']}]) }}

with orders as (
    select * from {{ ref('int_orders__resolve') }}
),

lines as (
    select * from {{ ref('order_items') }} where {{ is_new('loaded_xid') }}
),

totals as (
    select
        order_id,
        count(*)::int as line_count,
        sum(quantity) as quantity,
        sum(returned_quantity) as returned_quantity,
        max(loaded_xid) as loaded_xid
    from lines
    group by order_id
)

select
    orders.order_id,
    orders.external_id,
    orders.user_id,
    case
        when orders.cancelled_at is not null then 'CANCELLED'
        when totals.returned_quantity > 0 and totals.returned_quantity = totals.quantity then 'RETURNED'
        else 'CONFIRMED'
    end as status,
    orders.total_amount,
    orders.currency,
    orders.ordered_at,
    {{ shop_date('orders.ordered_at') }} as ordered_date,
    totals.line_count,
    orders.cancelled_at is not null as is_cancelled,
    orders.is_simulated,
    totals.loaded_xid
from totals
inner join orders on totals.order_id = orders.order_id
