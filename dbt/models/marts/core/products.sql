{{ config(unique_key='product_id', incremental_strategy='recompute') }}

with places as (
    select * from {{ ref('int_products__classify') }} where {{ is_touched('product_id', 'touched_products') }}
),

products as not materialized (
    select * from {{ ref('int_products__resolve') }}
),

stock as not materialized (
    select * from {{ ref('int_stock__resolve') }}
),

special_prices as not materialized (
    select * from {{ ref('int_special_prices__resolve') }}
)

select
    places.product_id,
    case when products.deleted_at is null then products.parent_id end as parent_id,
    products.sku,
    case when places.is_known then products.name else 'Unknown product' end as name,
    products.description,
    products.brand,
    places.department,
    places.category,
    places.product_type,
    places.category_id,
    places.category_name,
    places.category_code,
    products.price,
    products.currency,
    coalesce(products.rating, 0)::numeric(3, 2) as rating,
    products.image,
    coalesce(stock.stock, 0) as stock,
    places.is_known,
    places.is_known and products.is_active and products.deleted_at is null as is_active,
    special_prices.special_price,
    special_prices.special_starts_at,
    special_prices.special_ends_at,
    products.created_at,
    products.occurred_at as updated_at,
    places.pseudo_reason
from places
left join products on places.product_id = products.product_id
left join stock on places.product_id = stock.product_id
left join special_prices -- in another currency it says nothing of the price
    on places.product_id = special_prices.product_id and products.currency = special_prices.currency
