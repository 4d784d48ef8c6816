with categories as (
    select * from {{ ref('stg_catalog__categories') }} where {{ newly_landed('catalog.v1') }}
)

select distinct category_id from categories
