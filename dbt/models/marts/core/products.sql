{{ config(unique_key='product_id', incremental_strategy='recompute') }}

with products as (
    select * from {{ ref('int_products__resolve') }}
    where name is not null and {{ is_touched('product_id', 'touched_products') }}
),

places as not materialized (
    select * from {{ ref('int_products__classify') }}
),

stock as not materialized (
    select * from {{ ref('int_stock__resolve') }}
),

special_prices as not materialized (
    select * from {{ ref('int_special_prices__resolve') }}
)

select
    products.product_id,
    products.sku,
    products.name,
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
    products.rating,
    products.image,
    coalesce(stock.stock, 0) as stock,
    products.is_active and products.deleted_at is null as is_active,
    special_prices.special_price,
    special_prices.special_starts_at,
    special_prices.special_ends_at,
    products.created_at,
    products.occurred_at as updated_at,
    places.pseudo_reason
from products
left join places on products.product_id = places.product_id
left join stock on products.product_id = stock.product_id
left join special_prices on products.product_id = special_prices.product_id
