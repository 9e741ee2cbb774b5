// An application of one's own: it counts its visitors, and lets those finish who are there.
const http = require('http');
let visitors = 0;
const server = http.createServer((request, response) => {
  if (request.url === '/slow') {
    setTimeout(() => response.end('done\n'), 2000);
  } else if (request.url === '/') {
    visitors += request.method === 'GET' ? 1 : 0;
    response.end(JSON.stringify({ host: process.env.NAME, visitors }) + '\n');
  } else {
    response.statusCode = 404;
    response.end('no such page\n');
  }
});
server.listen(Number(process.env.PORT || 3000), () => console.log('listening'));
process.on('SIGTERM', () => {
  console.log('no new visitors');
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
