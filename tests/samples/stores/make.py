import socket, json, time, math, random, sys, datetime
random.seed(4)
s=socket.create_connection(("127.0.0.1",18931))
def lp(b): return len(b).to_bytes(2,'big')+b
def rl(n):
    out=b''
    while True:
        b=n%128; n//=128
        out+=bytes([b|(128 if n else 0)])
        if not n: return out
def connect(cid):
    body=lp(b"MQTT")+bytes([4,0,0,60])+lp(cid)
    s.sendall(bytes([0x10])+rl(len(body))+body); print(s.recv(4))
pid=0
def publish(topic,payload):
    global pid
    pid+=1
    body=lp(topic.encode())+pid.to_bytes(2,'big')+payload.encode()
    s.sendall(bytes([0x32])+rl(len(body))+body)
    r=b''
    while len(r)<4: r+=s.recv(4-len(r))
    assert r[0]==0x40,r
def iso(t): return datetime.datetime.fromtimestamp(t,datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]+"Z"
def send(dev,sen,t,v): publish(f"plant/{dev}/{sen}",json.dumps({"ts":iso(t),"value":v}))
connect(b"boiler-gateway")
end=time.time()+float(sys.argv[1])
n=0
while time.time()<end:
    t=time.time()
    send("boiler","temperature",t,round(0.5+0.4*math.sin(n/7),2))
    send("boiler","pressure",t,round(random.gauss(1,0.7),3))
    if n%2==0: send("mill","speed",t,float(1480+n%5))
    if n==20: send("boiler","pressure",t,5000.0)
    if n==30: publish("plant/boiler/pressure","no json")
    if n==35: send("mill","speed",t-60,1.0)
    if n==40: send("boiler","temperature",t+86400,0.25)
    if n==41: send("mill","speed",t+86400.5,1500.0)
    n+=1
    time.sleep(0.2)
print("sent",n)
