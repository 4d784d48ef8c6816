{{ config(unique_key='product_id', incremental_strategy='merge',
          indexes=[{'columns': ['product_id'], 'unique': true}]) }}

with order_events as (
    select * from {{ ref('int_order_events__unnest') }}
    where product_id is not null and {{ is_touched('order_id', 'touched_orders') }}
)

select distinct product_id from order_events
