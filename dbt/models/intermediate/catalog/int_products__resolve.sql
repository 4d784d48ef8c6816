{{ config(unique_key='product_id', incremental_strategy='merge',
          indexes=[{'columns': ['product_id'], 'unique': true}]) }}

with events as (
    select
        product_id, parent_id, sku, name, description, brand, category_ids, price, currency, rating, image, is_active,
        version, event_id,
        case when not is_deletion then occurred_at end as occurred_at,
        case when not is_deletion then occurred_at end as created_at,
        case when is_deletion then occurred_at end as deleted_at
    from {{ ref('stg_catalog__products') }}
    where {{ landed('catalog.v1') }}
),

{{ latest_of(
    'events', 'product_id',
    [
        'parent_id', 'sku', 'name', 'description', 'brand', 'category_ids', 'price', 'currency', 'rating', 'image',
        'is_active',
    ],
    times={'created_at': 'min', 'deleted_at': 'max'},
) }}
