with orders as (
    select * from {{ ref('stg_order__orders') }} where {{ newly_landed('order.v1') }}
),

cancellations as (
    select * from {{ ref('stg_order__cancellations') }} where {{ newly_landed('order.v1') }}
),

returns as (
    select * from {{ ref('stg_order__returns') }} where {{ newly_landed('order.v1') }}
)

select order_id from orders
union
select order_id from cancellations
union
select order_id from returns
