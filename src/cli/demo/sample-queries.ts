export interface SampleQuery {
  readonly title: string;
  readonly sql: string;
}

/** What the demo shows: an aggregate, a join, and a window over one. */
export const sampleQueries: readonly SampleQuery[] = [
  {
    title: 'What do people do?',
    sql: `SELECT event_type, count(*) AS events, count(DISTINCT user_id) AS users
FROM events
GROUP BY event_type
ORDER BY events DESC`,
  },
  {
    title: 'Where does the money come from?',
    sql: `SELECT country, count(*) AS purchases, sum(value) AS revenue
FROM events JOIN users USING (user_id)
WHERE event_type = 'purchase'
GROUP BY country
ORDER BY revenue DESC
LIMIT 5`,
  },
  {
    title: 'Who spends most in each country?',
    sql: `SELECT country, name, count(*) AS purchases, sum(value) AS spent
FROM events JOIN users USING (user_id)
WHERE event_type = 'purchase'
GROUP BY country, user_id, name
QUALIFY row_number() OVER (PARTITION BY country ORDER BY spent DESC) = 1
ORDER BY spent DESC`,
  },
];
