import java.math.BigDecimal;
import java.sql.Array;
import java.sql.SQLException;
import java.sql.SQLXML;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * How the Java clients write their transcripts: one line a fact, the same for the same facts, in sections. A value is written with
 * its type, so that a number that arrives as text is seen. Nothing here depends on the server's address or on object ids.
 */
final class Canon {
  private Canon() {}

  static void section(String name) {
    System.out.println("## " + name);
  }

  static void show(String label, Object... values) throws SQLException {
    List<String> parts = new ArrayList<>();
    for (Object value : values) parts.add(canon(value));
    System.out.println(label + ": " + String.join(" | ", parts));
  }

  static String canon(Object value) throws SQLException {
    if (value == null) return "NULL";
    if (value instanceof byte[] bytes) return "bytes " + HexFormat.of().formatHex(bytes);
    if (value instanceof Array array) return "Array " + canon(array.getArray());
    if (value instanceof SQLXML xml) return "SQLXML " + xml.getString();
    if (value instanceof BigDecimal number) return "BigDecimal " + number.toPlainString();
    if (value instanceof Object[] array) return canon(Arrays.asList(array));
    if (value instanceof int[] array) return canon(Arrays.stream(array).boxed().toList());
    if (value instanceof Map<?, ?> map) {
      TreeMap<String, String> sorted = new TreeMap<>();
      for (var entry : map.entrySet()) sorted.put(String.valueOf(entry.getKey()), canon(entry.getValue()));
      return sorted.toString();
    }
    if (value instanceof Collection<?> list) {
      List<String> parts = new ArrayList<>();
      for (Object each : list) parts.add(canon(each));
      return parts.toString();
    }
    return value.getClass().getSimpleName() + " " + String.valueOf(value).replace("\n", "\\n");
  }

  static String env(String name) {
    return System.getenv(name);
  }

  static String url(String options) {
    return "jdbc:postgresql://" + env("PGHOST") + ":" + env("PGPORT") + "/" + env("PGDATABASE") + "?sslmode=" + env("PGSSLMODE")
        + "&" + options;
  }
}
