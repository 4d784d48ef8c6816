{{ config(unique_key='product_id', incremental_strategy='merge',
          indexes=[{'columns': ['product_id'], 'unique': true}]) }}

with events as (
    select * from {{ ref('stg_catalog__special_prices') }} where {{ landed('catalog.v1') }}
),

{{ latest_of('events', 'product_id', ['currency', 'special_price', 'special_starts_at', 'special_ends_at']) }}
