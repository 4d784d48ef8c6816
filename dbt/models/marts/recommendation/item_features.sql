{{ config(unique_key='product_id', incremental_strategy='merge', indexes=[{'columns': ['classified_xid']}]) }}

with products as (
    select * from {{ ref('products') }} where {{ is_new('modelled_xid', 'modelled_xid') }}
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
    {% if is_incremental() -%}
    case
        when known.product_id is not null and known.pseudo_reason is not distinct from products.pseudo_reason
            then known.classified_xid
        else pg_current_xact_id()::text::bigint
    end as classified_xid
    {%- else -%}
    pg_current_xact_id()::text::bigint as classified_xid
    {%- endif %}
from products
{% if is_incremental() -%}
left join {{ this }} as known on products.product_id = known.product_id
{%- endif %}
