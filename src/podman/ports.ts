import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** Whether this host's port can be bound now; a port below the unprivileged ones cannot be tried and counts as free. */
export function isPortFree(hostIP: string, port: number, protocol: 'tcp' | 'udp'): Promise<boolean> {
  return protocol === 'tcp' ? isTcpFree(hostIP, port) : isUdpFree(hostIP, port);
}

const isTaken = (error: NodeJS.ErrnoException): boolean => error.code === 'EADDRINUSE';

function isTcpFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(!isTaken(error)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function isUdpFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(!isTaken(error));
    });
    socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}
