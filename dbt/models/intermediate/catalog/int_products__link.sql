{{ config(materialized='view') }}

with products as (
    select * from {{ ref('int_products__resolve') }} where name is not null
),

categories as (
    select * from {{ ref('int_categories__classify') }}
),

links as (
    select products.product_id, link.category_id::bigint as category_id
    from products
    cross join lateral jsonb_array_elements_text(products.category_ids) as link (category_id)
)

select
    links.product_id,
    categories.category_id,
    categories.category_name,
    categories.category_code,
    categories.level,
    categories.department,
    categories.category,
    categories.product_type,
    categories.pseudo_reason
from links
inner join categories on links.category_id = categories.category_id
