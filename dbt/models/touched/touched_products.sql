with products as (
    select * from {{ ref('stg_catalog__products') }} where {{ newly_landed('catalog.v1') }}
),

stock as (
    select * from {{ ref('stg_catalog__stock_levels') }} where {{ newly_landed('catalog.v1') }}
),

special_prices as (
    select * from {{ ref('stg_catalog__special_prices') }} where {{ newly_landed('catalog.v1') }}
),

links as (
    select * from {{ ref('int_products__link') }}
    where category_id in (select category_id from {{ ref('touched_categories') }})
)

select product_id from products
union
select product_id from stock
union
select product_id from special_prices
union
select product_id from links
