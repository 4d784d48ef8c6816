{{ config(unique_key='product_id', incremental_strategy='merge',
          indexes=[{'columns': ['product_id'], 'unique': true}]) }}

with events as (
    select * from {{ ref('stg_catalog__stock_levels') }} where {{ landed('catalog.v1') }}
),

{{ latest_of('events', 'product_id', ['stock']) }}
