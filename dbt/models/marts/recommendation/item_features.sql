{{ config(unique_key='product_id', incremental_strategy='merge', indexes=[{'columns': ['classified_xid']}]) }}

with products as (
    select * from {{ ref('products') }} where {{ is_new('modelled_xid', 'modelled_xid') }}
),

known as (
    {% if is_incremental() %}
        select product_id, pseudo_reason, classified_xid from {{ this }}
    {% else %}
        select product_id, pseudo_reason, 0 as classified_xid from products where false
    {% endif %}
)

select
    products.product_id,
    products.department,
    products.category,
    products.product_type,
    products.category_id,
    products.brand,
    products.price,
    products.currency,
    products.is_active,
    products.is_active and products.pseudo_reason is null as is_recommendable,
    products.pseudo_reason,
    products.created_at,
    products.modelled_xid,
    coalesce(
        case
            when coalesce(known.pseudo_reason, '') = coalesce(products.pseudo_reason, '') then known.classified_xid
        end,
        pg_current_xact_id()::text::bigint
    ) as classified_xid
from products
left join known on products.product_id = known.product_id
