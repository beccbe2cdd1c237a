async def run_gallery(seed, console):
    return 0
