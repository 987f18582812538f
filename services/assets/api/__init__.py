"""The HTTP edge of assets, a file for each thing that is asked for."""

from fastapi import APIRouter

from services.assets.api import agreements, posts, readings, rejections, sites

router = APIRouter()
for part in (agreements, sites, readings, posts, rejections):
    router.include_router(part.router)
