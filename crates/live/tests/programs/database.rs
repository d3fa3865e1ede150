//! SQLite with the image of its database in a space: its pages are read and written by SQLite
//! itself, whose own cache is a fraction of them.

use std::ffi::c_uchar;
use std::ptr::NonNull;

use memtide_live::{PagedVec, Space};
use rand::RngExt;
use rusqlite::types::Value;
use rusqlite::{Connection, ffi, params};

use crate::support::MIB;
use crate::{BUDGET, random, twice};

/// The most that an image may grow to.
const IMAGE_MOST: usize = 32 << 20;

/// A database whose image is in memory of the caller's.
struct Database<'a> {
    connection: Connection,
    image: NonNull<u8>,
    of: std::marker::PhantomData<&'a mut [u8]>,
}

impl<'a> Database<'a> {
    /// An empty one, that grows within the memory that it is given.
    fn new(memory: &'a mut [u8]) -> Self {
        let connection = Connection::open_in_memory().expect("a connection");
        let image = NonNull::from(&mut *memory).cast::<u8>();
        let most = ffi::sqlite3_int64::try_from(memory.len()).expect("a size");
        // SAFETY: the memory is borrowed for as long as the connection lives, and without the flags
        // to do so SQLite neither frees nor moves it.
        let code = unsafe {
            let handle = connection.handle();
            let start: *mut c_uchar = image.as_ptr();
            ffi::sqlite3_deserialize(handle, c"main".as_ptr(), start, 0, most, 0)
        };
        assert_eq!(code, ffi::SQLITE_OK, "an image in memory of ours");
        Self { connection, image, of: std::marker::PhantomData }
    }

    /// What it holds, as SQLite would write it to a file.
    fn image(&self) -> &[u8] {
        let number = |name| {
            let found = self.connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
            found.expect("a number") as usize
        };
        let (pages, bytes) = (number("page_count"), number("page_size"));
        // SAFETY: as above, and SQLite writes nothing while nothing is asked of it.
        unsafe { std::slice::from_raw_parts(self.image.as_ptr(), pages * bytes) }
    }

    fn execute(&self, statements: &str) {
        self.connection.execute_batch(statements).expect("statements that are right");
    }

    /// The rows that a query gives.
    fn rows(&self, query: &str) -> Vec<Vec<Value>> {
        let mut statement = self.connection.prepare(query).expect("a query that is right");
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
        let rows = statement.query_map([], row).expect("rows");
        rows.collect::<Result<_, _>>().expect("rows that can be read")
    }
}

const SCHEMA: &str = "
    PRAGMA cache_size = -256;
    CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, region TEXT NOT NULL);
    CREATE TABLE sale(
        id INTEGER PRIMARY KEY,
        customer INTEGER NOT NULL REFERENCES customer,
        day INTEGER NOT NULL,
        amount INTEGER NOT NULL,
        note BLOB NOT NULL
    );
    CREATE INDEX sale_by_customer ON sale(customer, day);
    CREATE INDEX sale_by_day ON sale(day, amount);
";

/// Changes of many pages, one of them taken back.
const CHANGES: [&str; 4] = [
    "UPDATE sale SET amount = amount + 5 WHERE day % 7 = 3",
    "DELETE FROM sale WHERE customer % 50 = 7",
    "BEGIN; UPDATE sale SET note = zeroblob(200), day = day + 1; ROLLBACK",
    "INSERT INTO sale SELECT id + 1000000, customer, day + 400, amount * 2, note
        FROM sale WHERE day < 20",
];

/// Joins, aggregates, a window, a search through an index and one through all.
const QUERIES: [&str; 6] = [
    "SELECT region, count(*), sum(amount), max(day) FROM sale
        JOIN customer ON customer.id = sale.customer GROUP BY region ORDER BY region",
    "SELECT name, total FROM (SELECT customer, sum(amount) AS total FROM sale GROUP BY customer)
        JOIN customer ON customer.id = customer ORDER BY total DESC, name LIMIT 20",
    "SELECT customer, day, sum(amount) OVER (PARTITION BY customer ORDER BY day, id) FROM sale
        WHERE customer BETWEEN 100 AND 120 ORDER BY customer, day, id",
    "SELECT count(*), sum(length(note)), min(hex(note)) FROM sale WHERE day BETWEEN 100 AND 200",
    "SELECT day, count(DISTINCT customer) FROM sale GROUP BY day ORDER BY day",
    "PRAGMA integrity_check",
];

const CUSTOMERS: i64 = 5000;
const SALES: i64 = 48_000;

fn fill(database: &Database<'_>) {
    let mut random = random(31);
    let connection = &database.connection;
    database.execute("BEGIN");
    let mut insert = connection.prepare("INSERT INTO customer VALUES(?, ?, ?)").expect("a table");
    for id in 0..CUSTOMERS {
        let region = ["north", "south", "east", "west"][random.random_range(0..4)];
        insert.execute(params![id, format!("customer {id}"), region]).expect("a customer");
    }
    let mut insert = connection.prepare("INSERT INTO sale VALUES(?, ?, ?, ?, ?)").expect("a table");
    for id in 0..SALES {
        let mut note = [0_u8; 200];
        // Half noise, so that compression has something to do.
        random.fill(&mut note[..100]);
        let (customer, day) = (random.random_range(0..CUSTOMERS), random.random_range(0..365));
        let amount = random.random_range(1..10_000);
        insert.execute(params![id, customer, day, amount, note]).expect("a sale");
    }
    database.execute("COMMIT");
}

/// Everything that is done, and every row that comes of it.
fn work(database: &Database<'_>) -> Vec<Vec<Vec<Value>>> {
    database.execute(SCHEMA);
    fill(database);
    let mut answers = Vec::new();
    answers.extend(QUERIES.map(|query| database.rows(query)));
    for change in CHANGES {
        database.execute(change);
        answers.push(database.rows("SELECT count(*), total(amount), total(day) FROM sale"));
    }
    database.execute("ANALYZE; REINDEX sale_by_day");
    answers.extend(QUERIES.map(|query| database.rows(query)));
    answers
}

#[test]
fn a_database_of_several_times_the_budget_answers_as_one_in_plain_memory() {
    let mut memory = vec![0; IMAGE_MOST];
    let plain = Database::new(&mut memory);
    let expected = work(&plain);
    let sound = [vec![Value::Text("ok".to_owned())]];
    assert_eq!(expected.last().map(Vec::as_slice), Some(&sound[..]));
    let image = plain.image().to_vec();
    assert!(image.len() as u64 > 3 * BUDGET * MIB, "an image of {} bytes", image.len());
    twice(move |space: &Space| {
        let mut memory = PagedVec::<u8>::zeroed(space, IMAGE_MOST).expect("a vector");
        let managed = Database::new(&mut memory);
        let answers = work(&managed);
        for (number, (answer, expected)) in answers.iter().zip(&expected).enumerate() {
            assert_eq!(answer, expected, "answer {number}");
        }
        let wrong = managed.image().iter().zip(&image).position(|(now, plain)| now != plain);
        assert_eq!((managed.image().len(), wrong), (image.len(), None), "the image is another");
    });
}
