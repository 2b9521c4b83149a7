import asyncio, threading, sys, time
from app.config import Settings
from app.jobs.work import JobRun, Kind
from tests.jobs.running import running
async def test_x(settings: Settings):
    loop=asyncio.get_running_loop(); me=threading.current_thread()
    def dump():
        time.sleep(8)
        for t in asyncio.all_tasks(loop): 
            sys.__stderr__.write(repr(t)+'\n'); 
            t.print_stack(file=sys.__stderr__)
    threading.Thread(target=dump,daemon=True).start()
    begun=asyncio.Event()
    async def work(run):
        sys.__stderr__.write(f"{threading.current_thread() is me}\n")
        begun.set()
        await asyncio.Event().wait()
    async with running(settings, Kind("work",work,1)) as at:
        await at.add("work","cut off")
        await begun.wait()
        sys.__stderr__.write("begun\n")
        await at.add("work","waits")
