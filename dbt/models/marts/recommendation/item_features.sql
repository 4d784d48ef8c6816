{{ config(unique_key='product_id', incremental_strategy='recompute') }}

with products as (
    select * from {{ ref('products') }} where {{ is_touched('product_id', 'touched_products') }}
)

select
    product_id,
    department,
    category,
    product_type,
    category_id,
    brand,
    price,
    currency,
    is_active,
    is_active and pseudo_reason is null as is_recommendable,
    pseudo_reason,
    created_at
from products
