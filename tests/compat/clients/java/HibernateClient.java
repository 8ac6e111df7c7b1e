import jakarta.persistence.*;
import java.math.BigDecimal;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.hibernate.Session;
import org.hibernate.SessionFactory;
import org.hibernate.annotations.ColumnTransformer;
import org.hibernate.cfg.Configuration;
import org.hibernate.exception.ConstraintViolationException;

/** Hibernate on pgjdbc: schema creation, validation and update, entities of many types, HQL, batches, locks, savepoints. */
public final class HibernateClient {
  enum Mood { SAD, HAPPY }

  @Entity(name = "Author")
  @Table(name = "authors", indexes = @Index(name = "authors_born", columnList = "born"))
  static class Author {
    @Id @GeneratedValue(strategy = GenerationType.SEQUENCE) Long id;
    @Column(unique = true, nullable = false, length = 80) String name;
    @Enumerated(EnumType.STRING) Mood mood;
    LocalDate born;
    UUID key;
    Instant at;
    byte[] photo;
    @Column(columnDefinition = "jsonb") @ColumnTransformer(write = "?::jsonb") String profile;
    String[] tags;
    @Version int version;
    @OneToMany(mappedBy = "author", cascade = CascadeType.ALL, orphanRemoval = true) List<Book> books = new ArrayList<>();
    @ManyToMany Set<Club> clubs = new HashSet<>();
  }

  @Entity(name = "Book")
  @Table(name = "books", uniqueConstraints = @UniqueConstraint(name = "once", columnNames = {"author_id", "title"}))
  static class Book {
    @Id @GeneratedValue(strategy = GenerationType.SEQUENCE) Long id;
    @Column(columnDefinition = "text") String title;
    @Column(precision = 8, scale = 2) BigDecimal price;
    @ManyToOne(fetch = FetchType.LAZY, optional = false) Author author;
  }

  @Entity(name = "Club")
  @Table(name = "clubs")
  static class Club {
    @Id @GeneratedValue(strategy = GenerationType.IDENTITY) Integer id;
    String name;
  }

  @Entity(name = "Customer")
  @Table(name = "customers")
  static class Customer {
    @Id Integer id;
    @Column(name = "full_name") String fullName;
    String email;
    @Column(name = "birth_date") LocalDate birthDate;
    BigDecimal balance;
  }

  @Entity(name = "Order")
  @Table(name = "orders")
  static class Order {
    @Id Integer id;
    @ManyToOne(fetch = FetchType.LAZY) @JoinColumn(name = "customer_id") Customer customer;
    String status;
    BigDecimal total;
  }

  static SessionFactory factory(String schema, Class<?>... entities) {
    Configuration configuration = new Configuration();
    for (Class<?> entity : entities) configuration.addAnnotatedClass(entity);
    configuration.setProperty("hibernate.connection.url", Canon.url("reWriteBatchedInserts=true"));
    configuration.setProperty("hibernate.connection.username", Canon.env("PGUSER"));
    configuration.setProperty("hibernate.connection.password", Canon.env("PGPASSWORD"));
    configuration.setProperty("hibernate.hbm2ddl.auto", schema);
    configuration.setProperty("hibernate.hbm2ddl.halt_on_error", "true");
    configuration.setProperty("hibernate.jdbc.batch_size", "30");
    configuration.setProperty("hibernate.order_inserts", "true");
    configuration.setProperty("hibernate.jdbc.time_zone", "UTC");
    return configuration.buildSessionFactory();
  }

  public static void main(String[] args) throws Exception {
    java.util.TimeZone.setDefault(java.util.TimeZone.getTimeZone("UTC"));
    Logger.getLogger("").setLevel(Level.SEVERE);
    if (args.length == 1 && args[0].equals("work")) work();
    else if (args.length == 1 && args[0].equals("reflect")) reflect();
    else System.exit(2);
  }

  static void work() throws SQLException {
    Class<?>[] entities = {Author.class, Book.class, Club.class};
    Canon.section("schema created");
    try (SessionFactory factory = factory("create", entities)) {
      filling(factory);
      querying(factory);
      changing(factory);
      failing(factory);
    }
    Canon.section("schema validated and updated");
    factory("validate", entities).close();
    Canon.show("validated", true);
    try (SessionFactory factory = factory("none", entities); Session session = factory.openSession()) {
      session.doWork(connection -> {
        try (var statement = connection.createStatement()) {
          statement.execute("ALTER TABLE books DROP COLUMN price");
        }
      });
    }
    try {
      factory("validate", entities).close();
      Canon.show("validated", "although a column is missing");
    } catch (RuntimeException error) {
      Canon.show("not valid", error.getMessage());
    }
    factory("update", entities).close();
    factory("validate", entities).close();
    Canon.show("updated", true);
    factory("create-drop", entities).close();
    Canon.show("dropped", true);
  }

  static void filling(SessionFactory factory) throws SQLException {
    Canon.section("entities stored");
    factory.inTransaction(session -> {
      Club club = new Club();
      club.name = "readers";
      session.persist(club);
      for (int n = 0; n < 100; n++) {
        Author author = new Author();
        author.name = "author " + n;
        author.mood = n % 2 == 0 ? null : Mood.HAPPY;
        author.born = LocalDate.of(1990, 1, 1).plusDays(n);
        author.key = new UUID(0, n);
        author.at = Instant.parse("2024-02-29T12:34:56.789Z");
        author.photo = new byte[] {0, (byte) 255};
        author.profile = "{\"n\": \"" + n + "\"}";
        author.tags = new String[] {"x", String.valueOf(n)};
        if (n % 10 == 0) author.clubs.add(club);
        for (int k = 0; k < 3; k++) {
          Book book = new Book();
          book.title = "book " + n + "." + k;
          book.price = new BigDecimal(n).add(new BigDecimal("0.25"));
          book.author = author;
          author.books.add(book);
        }
        session.persist(author);
      }
    });
    try (Session session = factory.openSession()) {
      Canon.show("stored", session.createSelectionQuery("select count(*) from Book", Long.class).getSingleResult());
    }
  }

  static void querying(SessionFactory factory) throws SQLException {
    Canon.section("queries");
    try (Session session = factory.openSession()) {
      Author author = session.createSelectionQuery("from Author a join fetch a.books where a.name = :name", Author.class)
          .setParameter("name", "author 7").getSingleResult();
      Canon.show("loaded", author.mood, author.born, author.key, author.at, author.photo, author.profile, author.tags, author.books.size(), author.version);
      for (Object[] row : session.createSelectionQuery(
          "select a.mood, count(b), sum(b.price), max(a.born) from Author a join a.books b group by a.mood order by a.mood nulls first", Object[].class).list())
        Canon.show("grouped", row);
      Canon.show("page", session.createSelectionQuery("select b.title from Book b order by b.price desc, b.title", String.class)
          .setFirstResult(5).setMaxResults(3).list());
      Canon.show("members", session.createSelectionQuery("select a.name from Author a where size(a.clubs) > 0 order by a.id", String.class).list().size());
      Canon.show("window", session.createSelectionQuery(
          "select b.title, rank() over (partition by b.author.id order by b.title) from Book b order by b.id", Object[].class).setMaxResults(2).list().size());
      Canon.show("native", session.createNativeQuery("select name, tags[2] from authors where profile->>'n' = :n", Object[].class)
          .setParameter("n", "9").getSingleResult());
      long[] streamed = {0};
      session.beginTransaction();
      try (var stream = session.createSelectionQuery("from Book b order by b.id", Book.class).setFetchSize(50).getResultStream()) {
        stream.forEach(book -> streamed[0]++);
      }
      session.getTransaction().commit();
      Canon.show("streamed", streamed[0]);
      var criteria = session.getCriteriaBuilder().createQuery(Author.class);
      var root = criteria.from(Author.class);
      criteria.where(session.getCriteriaBuilder().like(root.get("name"), "author 1%"));
      Canon.show("criteria", session.createSelectionQuery(criteria).list().size());
    }
  }

  static void changing(SessionFactory factory) throws SQLException {
    Canon.section("changes");
    factory.inTransaction(session -> {
      Author author = session.find(Author.class, 1L, LockModeType.PESSIMISTIC_WRITE);
      author.name = "renamed";
      author.books.remove(0);
    });
    try {
      factory.inTransaction(session -> {
        session.find(Author.class, 2L).name = "lost";
        session.flush();
        throw new IllegalStateException("given up");
      });
    } catch (IllegalStateException error) {
      Canon.show("rolled back", error.getMessage());
    }
    try (Session first = factory.openSession(); Session second = factory.openSession()) {
      first.beginTransaction();
      second.beginTransaction();
      first.find(Author.class, 3L).name = "mine";
      second.find(Author.class, 3L).name = "theirs";
      first.getTransaction().commit();
      try {
        second.getTransaction().commit();
      } catch (OptimisticLockException | RollbackException error) {
        Canon.show("stale", "noticed");
      }
    }
    factory.inTransaction(session -> session.remove(session.find(Author.class, 4L)));
    factory.inTransaction(session -> System.out.println(
        "bulk: " + session.createMutationQuery("update Book set price = price + 1 where price < 5").executeUpdate()));
    try (Session session = factory.openSession()) {
      Canon.show("after", session.createSelectionQuery("select count(b), sum(b.price) from Book b", Object[].class).getSingleResult(),
          session.find(Author.class, 1L).name, session.find(Author.class, 1L).version, session.find(Author.class, 2L).name);
    }
  }

  static void failing(SessionFactory factory) throws SQLException {
    Canon.section("errors");
    try {
      factory.inTransaction(session -> {
        Author author = new Author();
        author.name = "author 5";
        session.persist(author);
      });
    } catch (ConstraintViolationException error) {
      Canon.show("unique", error.getSQLState(), error.getConstraintName() != null, error.getKind());
    }
    try {
      factory.inTransaction(session -> session.createNativeMutationQuery("insert into books (id, title, author_id) values (-1, 't', -1)").executeUpdate());
    } catch (ConstraintViolationException error) {
      Canon.show("reference", error.getSQLState(), error.getKind());
    }
    try {
      factory.inTransaction(session -> session.createNativeQuery("select * from nowhere", Object[].class).list());
    } catch (RuntimeException error) {
      Canon.show("no table", error.getClass().getSimpleName());
    }
  }

  static void reflect() throws SQLException {
    Canon.section("schema validated under masks");
    try (SessionFactory factory = factory("validate", Customer.class, Order.class); Session session = factory.openSession()) {
      Canon.show("validated", true);
      for (Object[] row : session.createSelectionQuery(
          "select o.status, count(*), sum(o.total) from Order o group by o.status order by o.status", Object[].class).list())
        Canon.show("orders", row);
      for (int id = 1; id <= 5; id++) Canon.show("balance", session.find(Customer.class, id).balance);
      Canon.section("masked rows");
      for (Order order : session.createSelectionQuery("from Order o join fetch o.customer where o.id in (1, 2)", Order.class).list())
        if (order.customer.id < 1) throw new IllegalStateException();
      for (Customer customer : session.createSelectionQuery("from Customer c where c.id <= :last order by c.id", Customer.class)
          .setParameter("last", 5).list()) System.out.println("email " + customer.email);
    }
  }
}
