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
),

order_events as (
    select * from {{ ref('int_order_events__unnest') }}
    where product_id is not null and order_id = any(array(select order_id from {{ ref('touched_orders') }}))
),

named as (
    select * from {{ ref('int_products__resolve') }} where name is not null
)

select product_id from products
union
select product_id from stock
union
select product_id from special_prices
union
select product_id from links
union -- sold, though the catalog has not told of them
select product_id from order_events where product_id not in (select product_id from named)
