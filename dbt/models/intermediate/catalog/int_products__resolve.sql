{{ config(unique_key='product_id', incremental_strategy='merge',
          indexes=[{'columns': ['product_id'], 'unique': true}, {'columns': ['loaded_xid']}]) }}

with events as (
    select * from {{ ref('stg_catalog__products') }} where {{ is_new('loaded_xid') }}
),

history as (
    select
        product_id, sku, name, description, brand, category_ids, price, currency, rating, image, is_active,
        version,
        case when not is_deletion then occurred_at end as occurred_at,
        event_id,
        case when not is_deletion then occurred_at end as created_at,
        case when is_deletion then occurred_at end as deleted_at,
        loaded_xid
    from events
    {% if is_incremental() -%}
        union all
        select
            product_id, sku, name, description, brand, category_ids, price, currency, rating, image, is_active,
            version, occurred_at, event_id, created_at, deleted_at, loaded_xid
        from {{ this }}
        where product_id in (select product_id from events)
    {%- endif %}
),

latest as (
    select distinct on (product_id)
        product_id, sku, name, description, brand, category_ids, price, currency, rating, image, is_active,
        version, occurred_at, event_id,
        min(created_at) over of_product as created_at,
        max(deleted_at) over of_product as deleted_at,
        max(loaded_xid) over of_product as loaded_xid
    from history
    window of_product as (partition by product_id)
    order by product_id, version desc, occurred_at desc nulls last, event_id desc
)

select
    product_id,
    sku,
    name,
    description,
    brand,
    category_ids,
    price,
    currency,
    rating,
    image,
    is_active,
    version,
    occurred_at,
    event_id,
    created_at,
    deleted_at,
    loaded_xid
from latest
