// A worker of Temporal that serves one executor of Sluice: an activity whose type
// is the executor's name, on a task queue that tasks name with taskQueue.

import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { openFlags } from './flags.js';
import { serve } from './runner.js';

const address = process.env.TEMPORAL_ADDRESS ?? 'localhost:7233';
const namespace = process.env.TEMPORAL_NAMESPACE ?? 'default';
const taskQueue = process.env.SLUICE_TASK_QUEUE ?? 'typescript';

const connection = await NativeConnection.connect({ address });
const client = new Client({ connection: await Connection.connect({ address }), namespace });
const worker = await Worker.create({
  connection,
  namespace,
  taskQueue,
  activities: { 'flags.http': serve(openFlags, client) },
});
console.log(`serving flags.http on the task queue ${taskQueue}`);
await worker.run(); // until SIGINT or SIGTERM
await client.connection.close();
await connection.close();
