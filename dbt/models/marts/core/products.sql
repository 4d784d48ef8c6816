{{ config(unique_key='product_id', incremental_strategy='merge', indexes=[{'columns': ['modelled_xid']}]) }}

with products as not materialized (
    select * from {{ ref('int_products__resolve') }} where name is not null
),

links as not materialized (
    select * from {{ ref('int_products__link') }}
),

stock as not materialized (
    select * from {{ ref('int_stock__resolve') }}
),

special_prices as not materialized (
    select * from {{ ref('int_special_prices__resolve') }}
),

touched as (
    select product_id from products where {{ is_new('loaded_xid') }}
    {% if is_incremental() -%}
        union
        select product_id from stock where {{ is_new('loaded_xid', 'stock_loaded_xid') }}
        union
        select product_id from special_prices where {{ is_new('loaded_xid', 'special_price_loaded_xid') }}
        union
        select product_id from links where {{ is_new('loaded_xid', 'category_loaded_xid') }}
    {%- endif %}
),

places as ( -- the deepest of the categories
    select distinct on (links.product_id)
        links.*, max(links.loaded_xid) over (partition by links.product_id) as newest_xid
    from links
    inner join touched on links.product_id = touched.product_id
    order by links.product_id, links.level desc, links.category_id
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
    {{ pseudo_reason('places') }} as pseudo_reason,
    products.loaded_xid,
    places.newest_xid as category_loaded_xid,
    stock.loaded_xid as stock_loaded_xid,
    special_prices.loaded_xid as special_price_loaded_xid,
    pg_current_xact_id()::text::bigint as modelled_xid
from products
inner join touched on products.product_id = touched.product_id
full join places on products.product_id = places.product_id -- full: never a nested loop (ADR 25)
left join stock on products.product_id = stock.product_id
left join special_prices on products.product_id = special_prices.product_id
