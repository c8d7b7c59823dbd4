"""vanish.py ENGINE SOCKET NAME: a proxy before an engine's socket that removes a container the moment it is inspected."""

import os
import socket
import subprocess
import sys
import threading

engine, path, name = sys.argv[1:]
environment = {**os.environ, "DOCKER_HOST": f"unix://{engine}"}
identity = subprocess.check_output(["docker", "inspect", "-f", "{{.Id}}", name], env=environment, text=True).strip()


def answers(server, client):
    while data := server.recv(65536):
        client.sendall(data)
    client.shutdown(socket.SHUT_WR)


def serve(client):
    server = socket.socket(socket.AF_UNIX)
    server.connect(engine)
    threading.Thread(target=answers, args=(server, client), daemon=True).start()
    head = b""
    while data := client.recv(65536):
        head += data
        while b"\r\n\r\n" in head:
            request, head = head.split(b"\r\n\r\n", 1)
            if request.startswith(f"GET /containers/{identity}/json ".encode()):
                subprocess.run(["docker", "rm", "-f", name], env=environment, check=True, stdout=subprocess.DEVNULL)
            server.sendall(request + b"\r\n\r\n")
    server.shutdown(socket.SHUT_WR)


listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
