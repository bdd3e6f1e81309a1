import json
from django.db import connection, transaction
from jobs import selectors
from jobs.models import *
from jobs.rules import identity
from monitoring import selectors as m
from tenants import context
from tests.support import rows, servers
def explain(qs):
    q,p=qs.query.sql_with_params()
    with connection.cursor() as c:
        c.execute("EXPLAIN (ANALYZE, BUFFERS OFF) "+q,p)
        print("\n".join(r[0][:170] for r in c.fetchall() if "never executed" not in r[0])[:3500]); print('----')
def test_plans():
    a,b=rows.job(),rows.job()
    with servers.superuser() as s:
        for (j,t),n in ((a,300000),(b,100000)):
            s.execute("""INSERT INTO execution (id,tenant_id,job_id,revision,trigger,triggered_by,state,reason,not_before,queue_id,priority,timeout_seconds,max_attempts,error_code,error_message,error_fingerprint,attempt,crashes,epoch,waiting_on,created_at,finished_at,result)
            SELECT carillon_child_id(carillon_floor_id(now()-make_interval(secs=>n*3)), n::text||%s), %s,%s,1,'manual','',CASE WHEN n%%100=0 THEN 'failed' ELSE 'succeeded' END,'',now(),'default',5,60,3,'','','',1,0,1,'',now(),now(),'{"a":1}' FROM generate_series(1,%s) n""",[str(t),t,j,n])
        s.execute("""INSERT INTO event (id,tenant_id,kind,job_id,execution_id,data,created_at) SELECT gen_random_uuid(), tenant_id,'execution.'||state,job_id,id,'{}',now() FROM execution""")
        s.execute("ANALYZE")
    with context.within(context.Scope(tenant_id=a[1])), transaction.atomic():
        base=selectors.executions().filter(tenant_id=a[1]).order_by("-id")
        explain(base[:51])
        explain(base.filter(state__in=["failed","skipped"])[:51])
        explain(base.filter(job_id=a[0])[:51])
        explain(base.filter(queue_id="nowhere")[:51])
        explain(base.filter(id__lt=identity.floor_id(rows.now()-__import__("datetime").timedelta(days=3)))[:51])
        explain(base.filter(pk=identity.request_id(rows.now())))
    import time
    with context.within(m.PLATFORM), transaction.atomic():
        t=time.time(); e=m.ended(m.State.SUCCEEDED,None); print(e, time.time()-t)
        t=time.time(); e=m.ended(m.State.SUCCEEDED,e); print(e, time.time()-t)
        with connection.cursor() as c:
            c.execute("EXPLAIN ANALYZE "+m._NEXT, {"horizon":e.horizon,"kind":"execution.succeeded"}); print("\n".join(r[0][:150] for r in c.fetchall()))
            t=time.time(); m.executions_under_way(); print(time.time()-t)
            t=time.time(); m.active_jobs(); print(time.time()-t)
    assert 0
