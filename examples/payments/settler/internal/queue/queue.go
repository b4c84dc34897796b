// Package queue takes jobs from the table that photofinish calls its embedded queue: `jobs` in a SQLite file,
// see docs/jobs.md. Any driver will do; the statements are all there is to it.
//
// A job that was taken is this process's until its lease ends. Whoever dies with a job gives it back that way.
package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	_ "modernc.org/sqlite" // the driver, without C
)

const (
	// lease is how long a job may go without a sign of life of its worker.
	lease = 30 * time.Second
	// firstRetry is the pause after the first failure; it doubles.
	firstRetry = time.Second
)

// Queue is the table, as seen by one process.
type Queue struct {
	db     *sql.DB
	worker string
}

// Job is one that was taken.
type Job struct {
	ID      int64
	Kind    string
	Payload []byte
	attempt int
}

// Open opens the file. The table is made by the first `photofinish jobs`.
func Open(path string) (*Queue, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=synchronous(NORMAL)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	// One writer at a time is all that SQLite has.
	db.SetMaxOpenConns(1)
	host, _ := os.Hostname()
	return &Queue{db: db, worker: fmt.Sprintf("%s:%d", host, os.Getpid())}, nil
}

// Close closes the file.
func (q *Queue) Close() error {
	return q.db.Close()
}

// Enqueue adds a job.
func (q *Queue) Enqueue(ctx context.Context, queue, kind string, payload []byte) error {
	_, err := q.db.ExecContext(ctx, `INSERT INTO jobs (queue, kind, payload) VALUES (?, ?, ?)`, queue, kind, payload)
	return err
}

// Take takes the oldest job that is due, or one whose worker was lost; nil where there is none.
func (q *Queue) Take(ctx context.Context, queue string) (*Job, error) {
	now := time.Now().UnixMilli()
	// Looking takes no lock; taking does, whether there is a job or not.
	var there bool
	err := q.db.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM jobs WHERE queue = ? AND state = 'waiting' AND due <= ?)
			OR EXISTS (SELECT 1 FROM jobs WHERE queue = ? AND state = 'running' AND lease < ?)`,
		queue, now, queue, now).Scan(&there)
	if err != nil || !there {
		return nil, err
	}
	row := q.db.QueryRowContext(ctx, `
		UPDATE jobs SET state = 'running', attempts = attempts + 1, worker = ?, taken = ?, lease = ?
		WHERE id = coalesce(
			(SELECT id FROM jobs WHERE queue = ? AND state = 'waiting' AND due <= ? ORDER BY due, id LIMIT 1),
			(SELECT id FROM jobs WHERE queue = ? AND state = 'running' AND lease < ? LIMIT 1))
		RETURNING id, kind, payload, attempts`,
		q.worker, now, now+lease.Milliseconds(), queue, now, queue, now)
	var job Job
	err = row.Scan(&job.ID, &job.Kind, &job.Payload, &job.attempt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &job, err
}

// Done ends a job. What a worker that was taken for lost says is not heard.
func (q *Queue) Done(job *Job) error {
	_, err := q.db.Exec(`UPDATE jobs SET state = 'done', ended = ? WHERE id = ? AND state = 'running' AND worker = ? AND attempts = ?`,
		time.Now().UnixMilli(), job.ID, q.worker, job.attempt)
	return err
}

// Fail gives a job back, to be tried again later, or gives it up where it failed too often.
func (q *Queue) Fail(job *Job, why error) error {
	now := time.Now()
	again := now.Add(firstRetry << min(job.attempt-1, 10))
	_, err := q.db.Exec(`
		UPDATE jobs SET state = CASE WHEN attempts < max_attempts THEN 'waiting' ELSE 'dead' END,
			due = ?, ended = ?, error = ?
		WHERE id = ? AND state = 'running' AND worker = ? AND attempts = ?`,
		again.UnixMilli(), now.UnixMilli(), why.Error(), job.ID, q.worker, job.attempt)
	return err
}

// KeepLeases tells, until ctx ends, that this process lives.
func (q *Queue) KeepLeases(ctx context.Context) {
	ticks := time.NewTicker(lease / 3)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			_, _ = q.db.ExecContext(ctx, `UPDATE jobs SET lease = ? WHERE state = 'running' AND worker = ?`,
				time.Now().Add(lease).UnixMilli(), q.worker) // the next one comes before the lease ends
		}
	}
}
