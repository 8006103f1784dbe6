//! Answers of the embedded engine.

use super::Answer;
use super::sqlstate::sqlstate;
use base::Result;
use futures::StreamExt;
use futures::future::BoxFuture;
use query::api::{Execution, Session};
use types::encode::TextEncoder;

pub(crate) struct Ours {
    pub(crate) session: Session,
}

/// A failed statement: its SQLSTATE, and whether it failed before it ran.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) code: String,
    pub(crate) unprepared: bool,
}

impl Ours {
    /// The rows of a query.
    pub(crate) async fn rows(&mut self, sql: &str) -> std::result::Result<Vec<Vec<Answer>>, Failed> {
        let mut unprepared = true;
        match self.try_rows(sql, &mut unprepared).await {
            Ok(rows) => Ok(rows),
            Err(error) => {
                self.session.fail().await;
                Err(Failed { code: sqlstate(error.kind()).to_owned(), unprepared })
            }
        }
    }

    async fn try_rows(&mut self, sql: &str, unprepared: &mut bool) -> Result<Vec<Vec<Answer>>> {
        let statement = self.session.parse(sql).await?.remove(0);
        let prepared = self.session.prepare(&statement, &[]).await?;
        *unprepared = false;
        let Execution::Rows { columns, mut rows, io, .. } =
            self.session.execute(&prepared, Vec::new(), true).await?
        else {
            panic!("{sql} yields no rows");
        };
        let mut out = Vec::new();
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            let arrays = batch.columns().iter().zip(&columns);
            let encoders =
                arrays.map(|(array, c)| TextEncoder::new(&c.ty, array, &io)).collect::<Result<Vec<_>>>()?;
            for row in 0..batch.num_rows() {
                out.push(encoders.iter().map(|e| cell(e, row)).collect::<Result<Vec<_>>>()?);
            }
        }
        Ok(out)
    }

    /// The answer of an expression by itself.
    pub(crate) async fn single(&mut self, sql: &str) -> Answer {
        match self.rows(sql).await {
            Ok(rows) => rows.into_iter().next().and_then(|row| row.into_iter().last()).unwrap(),
            Err(failed) => Answer::Error(failed.code),
        }
    }

    /// The answers of items that one query can ask for together, numbered in its first column; where the query
    /// fails, its halves are asked, so that each failure is found at its item.
    pub(crate) fn bisected<'a>(
        &'a mut self,
        items: &'a [usize],
        query: &'a (dyn Fn(&[usize]) -> String + Sync),
    ) -> BoxFuture<'a, Vec<(usize, Answer)>> {
        Box::pin(async move {
            if items.is_empty() {
                return Vec::new();
            }
            let failed = match self.rows(&query(items)).await {
                Ok(rows) => return numbered(rows),
                Err(failed) => failed,
            };
            if failed.unprepared || items.len() == 1 {
                return items.iter().map(|i| (*i, Answer::Error(failed.code.clone()))).collect();
            }
            let (left, right) = items.split_at(items.len() / 2);
            let mut answers = self.bisected(left, query).await;
            answers.extend(self.bisected(right, query).await);
            answers
        })
    }
}

fn numbered(rows: Vec<Vec<Answer>>) -> Vec<(usize, Answer)> {
    let pairs = rows.into_iter().map(|row| {
        let [Answer::Value(index), answer] = <[Answer; 2]>::try_from(row).unwrap() else {
            panic!("a row without number");
        };
        (index.parse().unwrap(), answer)
    });
    pairs.collect()
}

fn cell(encoder: &TextEncoder, row: usize) -> Result<Answer> {
    if encoder.is_null(row) {
        return Ok(Answer::Null);
    }
    let mut text = Vec::new();
    encoder.write(row, &mut text)?;
    Ok(Answer::Value(String::from_utf8_lossy(&text).into_owned()))
}
